import { createNetServer } from "../../../src/http/net-server.ts";
import { testHttpServer } from "../../compliance/http-server.ts";

testHttpServer({
  name: "createNetServer",
  create: createNetServer,
  traits: {
    pipelinesUnanswered: true,
    takesRawUtf8: true,
    takesSplitRequestLine: true,
    takesAnyHeaderName: true,
    answersNonsense: true,
    heedsExpect: true,
    answersManyHeaders: true,
  },
});
