/**
 * The condition keys that a policy may name, in the form of `conditionKey`. Those that mean nothing
 * here (organisations, VPCs …) are known but never present. An unknown one is refused when the policy
 * is written: a misspelt key in a Deny would silently deny nothing.
 */

const GLOBAL = `
  assumedroot calledvia calledviafirst calledvialast chatbotsourcearn currenttime
  ec2instancesourceprivateipv4 ec2instancesourcevpc epochtime federatedprovider groups
  multifactorauthage multifactorauthpresent principalaccount principalarn principalisawsservice
  principalorgid principalorgpaths principalservicename principalservicenameslist principaltype
  referer requestedregion resourceaccount resourceorgid resourceorgpaths securetransport
  sourceaccount sourcearn sourceidentity sourceip sourceorgid sourceorgpaths sourceowner sourcevpc
  sourcevpcarn sourcevpce tagkeys tokenissuetime useragent userid username viaawsservice
  vpceaccount vpceorgid vpceorgpaths vpcsourceip`;

const S3 = `
  accessgrantsinstancearn accesspointnetworkorigin authtype dataaccesspointaccount
  dataaccesspointarn delimiter existingjoboperation existingjobpriority if-match if-none-match
  inventoryaccessibleoptionalfields jobsuspendedcause locationconstraint max-keys
  object-lock-legal-hold object-lock-mode object-lock-remaining-retention-days
  object-lock-retain-until-date objectcreationoperation prefix requestjoboperation
  requestjobpriority requestobjecttagkeys resourceaccount signatureage signatureversion tlsversion
  versionid x-amz-acl x-amz-content-sha256 x-amz-copy-source x-amz-grant-full-control
  x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write x-amz-grant-write-acp
  x-amz-metadata-directive x-amz-object-ownership x-amz-server-side-encryption
  x-amz-server-side-encryption-aws-kms-key-id x-amz-server-side-encryption-customer-algorithm
  x-amz-storage-class x-amz-website-redirect-location`;

const KNOWN: ReadonlySet<string> = new Set([
  ...names("aws", GLOBAL),
  ...names("s3", S3),
  "sts:durationseconds",
  "sts:externalid",
  "sts:rolesessionname",
  "svc:durationseconds",
]);

/** Followed by the key of a tag. */
const TAG_PREFIXES = [
  "aws:principaltag/",
  "aws:requesttag/",
  "aws:resourcetag/",
  "s3:accesspointtag/",
  "s3:buckettag/",
  "s3:existingobjecttag/",
  "s3:requestobjecttag/",
];

/** Claims and attributes that an identity provider makes up. */
const OPEN_NAMESPACES = ["jwt:", "ldap:"];

export function isKnownConditionKey(key: string): boolean {
  if (KNOWN.has(key)) return true;
  return [...TAG_PREFIXES, ...OPEN_NAMESPACES].some(
    (prefix) => key.length > prefix.length && key.startsWith(prefix),
  );
}

function names(namespace: string, words: string): string[] {
  return words
    .trim()
    .split(/\s+/)
    .map((word) => `${namespace}:${word}`);
}
