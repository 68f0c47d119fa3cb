// What both flows do with a result of openapi-fetch.

/** The data of a response; throws if it is an error. */
export function succeeded<T>(result: { data?: T; error?: unknown; response: Response }): T {
  accepted(result);
  if (result.data === undefined) {
    throw new Error(`${result.response.url}: no content`);
  }
  return result.data;
}

/** A response that may have no content; throws if it is an error. */
export function accepted(result: { error?: unknown; response: Response }): void {
  if (!result.response.ok) {
    throw new Error(`${result.response.status} ${result.response.url}: ${JSON.stringify(result.error)}`);
  }
}

/** A field that the spec allows to be null or missing. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) {
    throw new Error("a field is missing");
  }
  return value;
}
