/**
 * A `fetch` for tests that answers from a script and records its calls. Must not be used
 * outside tests.
 */

/** The arguments of a `fetch` call. */
export interface FetchCall {
  readonly url: string;
  readonly method: string;
  /** What was sent; `undefined` if nothing was. */
  readonly body: unknown;
  readonly headers: Headers;
  readonly redirect: string | undefined;
  readonly signal: AbortSignal;
}

/** Answers one call; throws or rejects like `fetch` where the network fails. */
export type FetchStep = (call: FetchCall) => Response | Promise<Response>;

/** The `fetch` and its calls so far. */
export interface ScriptedFetch {
  readonly fetch: typeof fetch;
  readonly calls: readonly FetchCall[];
}

/**
 * Creates a `fetch` that takes one step per call; the last step answers all further ones.
 *
 * @param steps - at least one
 */
export function scriptedFetch(...steps: readonly FetchStep[]): ScriptedFetch {
  const calls: FetchCall[] = [];
  const answer: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const call: FetchCall = {
      url: request.url,
      method: request.method,
      body: init?.body ?? undefined,
      headers: request.headers,
      redirect: init?.redirect,
      signal: init?.signal ?? request.signal,
    };
    const step = steps[Math.min(calls.length, steps.length - 1)];
    calls.push(call);
    if (!step) throw new Error('scriptedFetch: no step to take');
    return step(call);
  };
  return { fetch: answer, calls };
}

/** A step: an answer with this status, body and these headers. */
export function replying(
  status: number,
  body: string | null = '{}',
  headers: Record<string, string> = {},
): FetchStep {
  return () => new Response(body, { status, headers });
}

/** A step: the error of `fetch` when the network fails with this code. */
export function failing(code: string, message = `${code} happened`): FetchStep {
  return () => {
    const cause = Object.assign(new Error(message), { code });
    throw new TypeError('fetch failed', { cause });
  };
}

/** A step that never answers and ignores the signal. */
export function hanging(): FetchStep {
  return () => new Promise<Response>(() => undefined);
}

/** An answer that records whether its body was read or cancelled. */
export interface WatchedBody {
  readonly response: Response;
  /** Whether the body was cancelled, which frees its connection. */
  isCancelled(): boolean;
  /** Whether the body was read to its end. */
  isDrained(): boolean;
}

/**
 * Creates an answer and watches its body.
 *
 * @param chunks - parts of the body in their order
 * @param options - `init` of the response; with `endless` the body never ends
 */
export function watchedBody(
  chunks: readonly string[],
  options: { readonly init?: ResponseInit; readonly endless?: boolean } = {},
): WatchedBody {
  let cancelled = false;
  let drained = false;
  const rest = chunks.map(chunk => new TextEncoder().encode(chunk));
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = rest.shift();
        if (chunk) {
          controller.enqueue(chunk);
        } else if (!options.endless) {
          drained = true;
          controller.close();
        }
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return {
    response: new Response(body, options.init),
    isCancelled: () => cancelled,
    isDrained: () => drained,
  };
}
