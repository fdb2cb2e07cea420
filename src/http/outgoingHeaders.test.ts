/** What is sent with each request, and what a message may say of it. */

import { createOutgoingHeaders } from './outgoingHeaders';

describe('createOutgoingHeaders', () => {
  it('asks for JSON and passes the given headers on', () => {
    const headers = createOutgoingHeaders({ Authorization: 'Bearer T0ken' });
    expect(Object.fromEntries(headers)).toEqual({
      accept: 'application/json',
      authorization: 'Bearer T0ken',
    });
  });

  it.each(['Bearer s3cret\nX-Evil: 1', 'Bearer s3cret€'])(
    'refuses what HTTP does not allow without quoting it',
    value => {
      const create = () => createOutgoingHeaders({ Authorization: value });
      expect(create).toThrow(/The header Authorization for Bitbucket cannot be sent/);
      expect(create).not.toThrow(/s3cret/);
    },
  );
});
