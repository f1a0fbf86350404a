import { createUwsServer, readsEveryRequest } from "../../../src/http/uws-server.ts";
import { testHttpServer } from "../../compliance/http-server.ts";

/** The builds for Node 22 and newer are of another age than that for Node 20. */
const current = readsEveryRequest(process.versions.modules);

testHttpServer({
  name: "createUwsServer",
  create: createUwsServer,
  traits: {
    pipelinesUnanswered: false,
    takesRawUtf8: true,
    takesSplitRequestLine: current,
    takesAnyHeaderName: current,
    answersNonsense: !current,
    answersManyHeaders: false,
    heedsExpect: false,
  },
});
