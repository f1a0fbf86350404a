import { createNodeServer } from "../../../src/http/node-server.ts";
import { testHttpServer } from "../../compliance/http-server.ts";

testHttpServer({
  name: "createNodeServer",
  create: createNodeServer,
  traits: {
    pipelinesUnanswered: true,
    takesRawUtf8: false,
    takesSplitRequestLine: true,
    takesAnyHeaderName: true,
    answersNonsense: true,
    answersManyHeaders: true,
    heedsExpect: true,
  },
});
