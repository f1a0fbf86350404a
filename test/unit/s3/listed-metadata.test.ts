import { test } from "tap";
import { writeListedMetadata } from "../../../src/s3/listed-metadata.ts";
import { XmlWriter } from "../../../src/s3/xml.ts";

function render(headers: Readonly<Record<string, string>>, tags?: string): string {
  const xml = new XmlWriter();
  writeListedMetadata(xml, { headers, tags });
  return xml.toString();
}

test("writeListedMetadata: names headers as MinIO's clients look for them", async (t) => {
  t.equal(
    render({ "content-type": "text/plain", "x-amz-meta-mc-attrs": "a<b" }, "k=v"),
    "<UserMetadata><content-type>text/plain</content-type>" +
      "<X-Amz-Meta-Mc-Attrs>a&lt;b</X-Amz-Meta-Mc-Attrs></UserMetadata><UserTags>k=v</UserTags>",
  );
});

test("writeListedMetadata: leaves out what is no name of an element", async (t) => {
  const shown = render({ "x-amz-meta-a>b": "1", "x-amz-meta-c": "2" });
  t.equal(shown, "<UserMetadata><X-Amz-Meta-C>2</X-Amz-Meta-C></UserMetadata>");
  t.notMatch(render({ "x-amz-meta-a b": "1" }), /a b/i);
});
