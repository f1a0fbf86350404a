import { createUwsServer, takesSplitRequestLines } from "../../../src/http/uws-server.ts";
import { testHttpServer } from "../../compliance/http-server.ts";

testHttpServer({
  name: "createUwsServer",
  create: createUwsServer,
  traits: {
    pipelinesUnanswered: false,
    takesRawUtf8: true,
    takesSplitRequestLine: takesSplitRequestLines(process.versions.modules),
    answersManyHeaders: false,
  },
});
