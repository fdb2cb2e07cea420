/** The simulated server as a function from `Request` to `Response`, for msw and tests. */
import type { AnswerRequest } from './handle';

/**
 * Wraps the request handler.
 *
 * @remarks A broken connection is `Response.error()`, which msw turns into a network error.
 */
export function createFetchHandler(
  answerRequest: AnswerRequest,
): (request: Request) => Promise<Response> {
  return async request => {
    const { pathname, search } = new URL(request.url);
    const answer = await answerRequest({
      method: request.method,
      target: `${pathname}${search}`,
      authorization: request.headers.get('authorization') ?? undefined,
      body: request.body ? await request.text() : '',
      signal: request.signal,
    });
    if (!answer) {
      return Response.error();
    }
    const { status, headers, body } = answer;
    return new Response(body, { status, headers });
  };
}
