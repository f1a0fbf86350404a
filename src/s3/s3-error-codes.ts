/**
 * Every error code an S3 client can meet here: its HTTP status and the text it comes with unless a
 * better one is known. Names, statuses and wording follow AWS; codes that AWS does not have keep the
 * names MinIO's clients know. The administration API has a table of its own.
 */

export const S3_ERRORS = {
  AccessControlListNotSupported: [400, "The bucket does not allow ACLs"],
  AccessDenied: [403, "Access Denied"],
  AccessForbidden: [403, "CORSResponse: This CORS request is not allowed."],
  AccountProblem: [403, "There is a problem with your account"],
  AllAccessDisabled: [403, "All access to this resource has been disabled."],
  AuthorizationHeaderMalformed: [400, "The authorization header that you provided is not valid."],
  AuthorizationQueryParametersError: [400, "The authorization query parameters are not valid."],
  BadDigest: [400, "The Content-MD5 you specified did not match what we received."],
  BadRequest: [400, "Bad Request"],
  BucketAlreadyExists: [
    409,
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
  ],
  BucketAlreadyOwnedByYou: [
    409,
    "Your previous request to create the named bucket succeeded and you already own it.",
  ],
  BucketNotEmpty: [409, "The bucket you tried to delete is not empty"],
  ClientDisconnected: [499, "The client disconnected before the response was ready."],
  ClientTokenConflict: [409, "Your request has a client token that was used before."],
  ConditionalRequestConflict: [
    409,
    "The conditional request cannot succeed due to a conflicting operation against this resource.",
  ],
  ContentSHA256Mismatch: [400, "The Content-SHA256 you specified did not match what we received"],
  CrossLocationLoggingProhibited: [403, "Cross-location logging is not allowed."],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed size"],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed size"],
  EventNotification: [400, "The event notification configuration is not valid."],
  ExcessData: [400, "More data provided than indicated content length."],
  ExpiredToken: [400, "The provided token has expired."],
  IllegalLocationConstraintException: [
    400,
    "The location constraint is incompatible for the region specific endpoint this request was sent to.",
  ],
  IllegalVersioningConfigurationException: [
    400,
    "The Versioning element must be specified with a Status of Enabled or Suspended.",
  ],
  IdempotencyParameterMismatch: [
    400,
    "The parameters of this request are not those that came with the token before.",
  ],
  IncompleteBody: [
    400,
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
  ],
  InsufficientCapacity: [507, "There is not enough capacity to perform the operation."],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS Access Key Id you provided does not exist in our records."],
  InvalidArgument: [400, "Invalid Argument"],
  InvalidAttributeName: [400, "Invalid attribute name specified."],
  InvalidBucketAclWithObjectOwnership: [
    400,
    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  ],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidBucketState: [409, "The request is not valid with the current state of the bucket."],
  InvalidChunkSizeError: [
    403,
    "Only the last chunk is allowed to have a size less than 8192 bytes",
  ],
  InvalidDigest: [400, "The Content-MD5 you specified was invalid."],
  InvalidEncryptionAlgorithmError: [
    400,
    "The encryption request that you specified is not valid. The valid value is AES256.",
  ],
  InvalidLocationConstraint: [400, "The specified location-constraint is not valid"],
  InvalidObjectName: [400, "The object name is not valid."],
  InvalidObjectState: [403, "The operation is not valid for the current state of the object."],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  ],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
  ],
  InvalidPolicyDocument: [
    400,
    "The content of the form does not meet the conditions specified in the policy document.",
  ],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidRedirectLocation: [
    400,
    "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  ],
  InvalidRegion: [403, "The region is not valid."],
  InvalidRequest: [400, "Invalid Request"],
  InvalidRetentionPeriod: [400, "The retention period must be a positive integer value."],
  InvalidSecurity: [403, "The provided security credentials are not valid"],
  InvalidStorageClass: [400, "The storage class you specified is not valid"],
  InvalidTag: [
    400,
    "The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.",
  ],
  InvalidTargetBucketForLogging: [400, "The target bucket for logging does not exist"],
  InvalidToken: [400, "The provided token is malformed or otherwise invalid."],
  InvalidTokenId: [403, "The security token included in the request is invalid"],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  InvalidVersionId: [400, "Invalid version id specified"],
  "KMS.DisabledException": [
    400,
    "The request was rejected because the specified key is not enabled.",
  ],
  "KMS.NotFoundException": [400, "The key id does not name a key."],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedACLError: [
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  MalformedDate: [
    400,
    "Invalid date format header, expected to be in ISO8601, RFC1123 or RFC1123Z time format.",
  ],
  MalformedPOSTRequest: [
    400,
    "The body of your POST request is not well-formed multipart/form-data.",
  ],
  MalformedPolicy: [400, "Policy has invalid resource."],
  MalformedTrailerError: [
    400,
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
  ],
  MalformedXML: [
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  MaxMessageLengthExceeded: [400, "Your request was too big"],
  MaxPostPreDataLengthExceededError: [
    400,
    "Your POST request fields preceding the upload file were too large.",
  ],
  MaxVersionsExceeded: [
    400,
    "You've exceeded the limit on the number of versions you can create on this object",
  ],
  MetadataTooLarge: [400, "Your metadata headers exceed the maximum allowed metadata size"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingAuthenticationToken: [
    403,
    "The request must contain either a valid (registered) access key ID or X.509 certificate.",
  ],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  MissingRequestBodyError: [400, "Request Body is empty"],
  MissingSecurityElement: [400, "The SOAP 1.1 request is missing a security element"],
  MissingSecurityHeader: [400, "Your request was missing a required header"],
  NoSuchAccessPoint: [404, "The specified accesspoint does not exist"],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchBucketPolicy: [404, "The bucket policy does not exist"],
  NoSuchCORSConfiguration: [404, "The CORS configuration does not exist"],
  NoSuchConfiguration: [404, "The specified configuration does not exist."],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchLifecycleConfiguration: [404, "The lifecycle configuration does not exist"],
  NoSuchObjectLockConfiguration: [
    404,
    "The specified object does not have a ObjectLock configuration",
  ],
  NoSuchPublicAccessBlockConfiguration: [
    404,
    "The public access block configuration was not found",
  ],
  NoSuchTagSet: [404, "The TagSet does not exist"],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  ],
  NoSuchVersion: [404, "The specified version does not exist."],
  NoSuchWebsiteConfiguration: [404, "The specified bucket does not have a website configuration"],
  NotImplemented: [501, "A header you provided implies functionality that is not implemented"],
  NotModified: [304, "Not Modified"],
  NotSignedUp: [403, "Your account is not signed up for the service."],
  ObjectLockConfigurationNotFoundError: [
    404,
    "Object Lock configuration does not exist for this bucket",
  ],
  OperationAborted: [
    409,
    "A conflicting conditional operation is currently in progress against this resource. Please try again.",
  ],
  OwnershipControlsNotFoundError: [404, "The bucket ownership controls were not found"],
  PermanentRedirect: [
    301,
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
  ],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  Redirect: [
    307,
    "Please re-send this request to the specified temporary endpoint. Continue to use the original request endpoint for future requests.",
  ],
  ReplicationConfigurationNotFoundError: [404, "The replication configuration was not found"],
  RequestHeaderSectionTooLarge: [
    400,
    "Your request header section exceeds the maximum allowed request header section size.",
  ],
  RequestIsNotMultiPartContent: [
    412,
    "Bucket POST must be of the enclosure-type multipart/form-data.",
  ],
  RequestTimeTooSkewed: [
    403,
    "The difference between the request time and the server's time is too large.",
  ],
  RequestTimeout: [
    400,
    "Your socket connection to the server was not read from or written to within the timeout period.",
  ],
  RequestTorrentOfBucketError: [400, "Requesting the torrent file of a bucket is not permitted."],
  RestoreAlreadyInProgress: [409, "Object restore is already in progress"],
  ServerSideEncryptionConfigurationNotFoundError: [
    404,
    "The server side encryption configuration was not found",
  ],
  ServiceUnavailable: [503, "Service is unable to handle request."],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  ],
  SlowDown: [503, "Please reduce your request rate."],
  TemporaryRedirect: [307, "You are being redirected to the bucket while DNS updates."],
  TokenRefreshRequired: [400, "The provided token must be refreshed."],
  TooManyBuckets: [400, "You have attempted to create more buckets than allowed"],
  TooManyParts: [400, "The part number must be between 1 and 10000, inclusive"],
  TooManyRequests: [429, "Please reduce your request rate."],
  UnexpectedContent: [400, "This request does not support content"],
  UnresolvableGrantByEmailAddress: [
    400,
    "The e-mail address you provided does not match any account on record",
  ],
  UnsupportedNotification: [400, "The notification destination is not supported."],
  UserKeyMustBeSpecified: [
    400,
    "The bucket POST must contain the specified field name. If it is specified, check the order of the fields.",
  ],
  XAmzContentChecksumMismatch: [
    400,
    "The provided 'x-amz-checksum' header does not match what was computed.",
  ],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
  XMinioAdminBucketQuotaExceeded: [400, "Bucket quota exceeded"],
  XMinioServerNotInitialized: [503, "Server not initialized yet, please try again."],
  XMinioStorageFull: [
    507,
    "Storage backend has reached its minimum free drive threshold. Please delete a few objects to proceed.",
  ],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

export type S3ErrorCode = keyof typeof S3_ERRORS;

export function isS3ErrorCode(code: string): code is S3ErrorCode {
  return Object.hasOwn(S3_ERRORS, code);
}
