import { file, known, location, target, targetsOf } from '../__testUtils__/discoveryData';
import { planCatchUp } from './mergeNewer';

/** The targets that are still to be added and removed. */
function catchUp(...[given, later]: Parameters<typeof planCatchUp>) {
  const { added, removed } = planCatchUp(given, later);
  return { added: targetsOf(added), removed: targetsOf(removed) };
}

const NOTHING = { added: [], removed: [] };
const API = location(7, 'PAY/api');
const WEB = location(8, 'PAY/web');

describe('after a run', () => {
  it('nothing is left to do where no event came in', () => {
    expect(catchUp([API, WEB], [])).toEqual(NOTHING);
  });

  it('nothing is left to do where an event found the same', () => {
    expect(catchUp([API, WEB], [known(7, 'PAY/api')])).toEqual(NOTHING);
  });

  it('what an event added is added again', () => {
    expect(catchUp([WEB], [known(7, 'PAY/api')])).toEqual({
      added: [target('PAY/api')],
      removed: [],
    });
  });

  it('what an event removed is removed again', () => {
    expect(catchUp([API, WEB], [known(7, 'PAY/api', [])])).toEqual({
      added: [],
      removed: [target('PAY/api')],
    });
  });

  it('only the file that an event removed goes', () => {
    const given = [API, location(7, 'PAY/api', 'other.yaml'), WEB];
    expect(catchUp(given, [known(7, 'PAY/api')])).toEqual({
      added: [],
      removed: [target('PAY/api', 'other.yaml')],
    });
  });

  it('a repository is where the event found it', () => {
    expect(catchUp([API, WEB], [known(7, 'OPS/gateway')])).toEqual({
      added: [target('OPS/gateway')],
      removed: [target('PAY/api')],
    });
  });

  it('an address that two exchanged is kept by its new owner', () => {
    const later = [known(7, 'PAY/web'), known(8, 'PAY/api')];
    expect(catchUp([API, WEB], later)).toEqual(NOTHING);
  });

  it('an address that was taken over since is kept, whoever is told of first', () => {
    const later = [known(7, 'PAY/api', []), known(9, 'PAY/api')];
    expect(catchUp([API, WEB], later)).toEqual(NOTHING);
    expect(catchUp([API, WEB], [...later].reverse())).toEqual(NOTHING);
  });

  it('what another repository was given by the run stays', () => {
    const shared = { ...location(9, 'PAY/api'), file: file('PAY/api') };
    expect(catchUp([shared, WEB], [known(7, 'PAY/api', [])])).toEqual(NOTHING);
  });

  it('what the run did not give is not removed', () => {
    expect(catchUp([WEB], [known(7, 'PAY/api', [])])).toEqual(NOTHING);
  });
});
