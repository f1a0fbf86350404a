/** The S3Error that an action throws; anything else is a failure of the test. */
import { S3Error } from "../../../src/s3/s3-error.ts";

export function refusal(action: () => unknown): S3Error {
  try {
    action();
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
