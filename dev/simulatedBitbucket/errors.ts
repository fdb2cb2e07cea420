/**
 * The exceptions Bitbucket names in its error bodies, with their statuses. Routes and
 * authentication throw them; `handle.ts` turns them into answers.
 */

/** Status and full class name per exception, as recorded from real servers (6.x to 10.4). */
const EXCEPTIONS = {
  NoSuchRepositoryException: [404, 'com.atlassian.bitbucket.repository'],
  NoSuchProjectException: [404, 'com.atlassian.bitbucket.project'],
  NoSuchPathException: [404, 'com.atlassian.bitbucket.content'],
  NoSuchObjectException: [404, 'com.atlassian.bitbucket'],
  NoSuchCommitException: [404, 'com.atlassian.bitbucket.commit'],
  NoSuchLabelException: [404, 'com.atlassian.bitbucket.label'],
  NoSuchUserException: [404, 'com.atlassian.bitbucket.user'],
  NoDefaultBranchException: [404, 'com.atlassian.bitbucket.repository'],
  EmptyRepositoryException: [404, 'com.atlassian.bitbucket.repository'],
  ArgumentValidationException: [400, 'com.atlassian.bitbucket.validation'],
  AuthorisationException: [401, 'com.atlassian.bitbucket'],
  IncorrectPasswordAuthenticationException: [401, 'com.atlassian.bitbucket.auth'],
  CaptchaRequiredAuthenticationException: [401, 'com.atlassian.bitbucket.auth'],
  AuthenticationSystemException: [401, 'com.atlassian.bitbucket.auth'],
} as const;

/** Short name of an exception the simulator can answer with. */
export type ExceptionName = keyof typeof EXCEPTIONS;

/** Message of `AuthorisationException`, word for word. */
const NOT_PERMITTED = 'You are not permitted to access this resource';

/**
 * The body of an error answer.
 *
 * @remarks Source: recorded answers of Bitbucket 6.x to 10.4; schema `RestErrorMessage`
 * of the Bitbucket Data Center 10.0 OpenAPI document.
 */
export function errorBody(message: string, exceptionName: string | null): string {
  return JSON.stringify({ errors: [{ context: null, message, exceptionName }] });
}

/** The full class name, such as `com.atlassian.bitbucket.content.NoSuchPathException`. */
export function fullExceptionName(name: ExceptionName): string {
  return `${EXCEPTIONS[name][1]}.${name}`;
}

/** An error answer on its way to the client. */
export class BitbucketException extends Error {
  readonly status: number;
  readonly exceptionName: string;

  constructor(
    name: ExceptionName,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = name;
    this.status = EXCEPTIONS[name][0];
    this.exceptionName = fullExceptionName(name);
  }

  /** The JSON body. */
  get body(): string {
    return errorBody(this.message, this.exceptionName);
  }
}

/**
 * 403: passwords are not accepted, as on Bitbucket 10 unless an administrator allows them.
 * The body is a bare message, an error without an exception, or plain text.
 */
export class BasicAuthenticationDisabled extends Error {
  readonly status = 403;

  constructor(readonly shape: 'message' | 'errors' | 'text') {
    super('Basic Authentication has been disabled on this instance.');
  }

  /** The body: JSON, or only the sentence. */
  get body(): string {
    switch (this.shape) {
      case 'message':
        return JSON.stringify({ message: this.message });
      case 'errors':
        return errorBody(this.message, null);
      default:
        return this.message;
    }
  }
}

/** 401: the caller, signed in or not, may not see this. Bitbucket answers 401 here, not 403. */
export function notPermitted(): BitbucketException {
  return new BitbucketException('AuthorisationException', NOT_PERMITTED);
}

/** 400: an invalid query parameter or path. */
export function invalidArgument(message: string): BitbucketException {
  return new BitbucketException('ArgumentValidationException', message);
}
