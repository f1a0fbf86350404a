/** Rules of this layer that are asked inside a change of the store, where only its errors pass. */
import { StoreError } from "../base/store-error.ts";
import { S3Error } from "./s3-error.ts";

/** Runs a rule; the S3Error that it throws becomes a StoreError with the same code and text. */
export function asRefusal<Result>(rule: () => Result): Result {
  try {
    return rule();
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    throw new StoreError({ code: "refused", s3Code: error.code, message: error.message });
  }
}
