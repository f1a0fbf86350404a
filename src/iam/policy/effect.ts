/** What a statement does with the requests it applies to. */
export type Effect = "Allow" | "Deny";
