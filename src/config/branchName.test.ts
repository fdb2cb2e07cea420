import { parseBranch } from './branchName';

describe('parseBranch', () => {
  it.each([
    ['main', 'main'],
    ['refs/heads/main', 'main'],
    ['refs/heads/feature/PAY-1_x', 'feature/PAY-1_x'],
    ['heads/main', 'heads/main'],
    ['release/1.x', 'release/1.x'],
    ['größe#1', 'größe#1'],
    ['a@b', 'a@b'],
  ])('takes %s for the branch %s', (text, branch) => {
    expect(parseBranch(text)).toBe(branch);
  });

  it.each([
    ['', 'no branch'],
    ['refs/heads/', 'no branch'],
    ['refs/tags/v1', 'only branches'],
    ['refs/pull-requests/1/from', 'only branches'],
    ['refs/heads/refs/heads/main', 'only branches'],
    ['HEAD', 'default branch'],
    ['my branch', 'a space'],
    ['main\n', 'a control character'],
    ['a~1', '~^:?*'],
    ['main^', '~^:?*'],
    ['release/*', '~^:?*'],
    ['a\\b', '~^:?*'],
    ['a..b', '".."'],
    ['a@{1}', '"@{"'],
    ['@', '"@{"'],
    ['/main', 'empty part'],
    ['main/', 'empty part'],
    ['a//b', 'empty part'],
    ['.main', 'starts with "."'],
    ['a/.b', 'starts with "."'],
    ['main.', 'ends in "."'],
    ['main.lock', '".lock"'],
    ['a.lock/b', '".lock"'],
    ['-main', 'leading "-"'],
  ])('refuses %j with the reason', (text, reason) => {
    expect(() => parseBranch(text)).toThrow(reason);
  });
});
