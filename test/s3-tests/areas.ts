/**
 * The suite's tests by area, so that a number says where something is missing. The first pattern
 * that a name matches decides.
 */

const AREAS: ReadonlyArray<readonly [area: string, pattern: RegExp]> = [
  ["encryption", /sse|encrypt|_enc(_|$)|kms|put_obj_s3_noenc|incorrect_algo/],
  ["lifecycle", /lifecycle|delete_marker_expiration|restore_|read_through/],
  ["logging", /logging/],
  ["object lock", /object_lock/],
  ["post form", /post_object/],
  ["cors", /cors/],
  ["public access block", /public_block|block_public|ignore_public/],
  ["policy", /policy/],
  ["ownership", /ownership|bucket_owner_(enforced|preferred)|object_writer/],
  ["tagging", /tag(s|ging)/],
  ["acl", /acl|access_bucket|grant/],
  ["website", /website/],
  ["attributes and checksums", /attributes|checksum|cksum/],
  ["conditions", /if_?(none?_?)?match|if(un)?modified/],
  ["versioning", /version|delete_marker/],
  ["multipart", /multipart|upload_part/],
  ["copy", /copy/],
  ["listing", /bucket_list(v2)?_|basic_key_count/],
  ["requests and signatures", /^test_headers\./],
  ["buckets", /bucket/],
  ["objects", /./],
];

/** `id` is file and test, as in `test_s3.test_bucket_list_empty`. */
export function areaOf(id: string): string {
  const name = id.startsWith("test_s3.") ? id.slice("test_s3.".length) : id;
  if (!/^test_(s3|headers)\./.test(id)) return id.split(".")[0] ?? id;
  if (id.startsWith("test_headers.")) return "requests and signatures";
  return AREAS.find(([, pattern]) => pattern.test(name))?.[0] ?? "objects";
}
