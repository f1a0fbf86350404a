/** What travels between the front and the thread that derives keys. Types only. */
export interface Argon2Request {
  readonly password: string;
  readonly salt: Uint8Array;
}

export interface Argon2Reply {
  readonly key: Uint8Array;
}
