import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSecondCatalogNode } from './scmEvents';

const CATALOG = 'node_modules/@backstage/plugin-catalog-backend';
const SHARED = 'node_modules/@backstage/plugin-catalog-node';
const OURS = 'node_modules/our-module';

describe('findSecondCatalogNode', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'second-copy-')));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function install(path: string, version: string): void {
    const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    const root = join(folder, path);
    mkdirSync(join(root, 'dist'), { recursive: true });
    const manifest = { name, version, main: 'dist/index.js' };
    writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(root, 'dist', 'index.js'), 'module.exports = {};\n');
  }

  /** What our module would be told, in a backend that has loaded the catalog plugin. */
  function find({ loads = ['@backstage/plugin-catalog-backend'] } = {}) {
    const app = createRequire(join(folder, 'app.js'));
    loads.forEach(name => app(name));
    const own = createRequire(join(folder, OURS, 'dist', 'index.js'));
    return findSecondCatalogNode(own);
  }

  it('finds nothing if the catalog plugin and this module load the same copy', () => {
    install(OURS, '0.1.0');
    install(CATALOG, '4.0.5');
    install(SHARED, '3.0.0');

    expect(find()).toBeUndefined();
  });

  it('names both copies and the remedy if the catalog plugin has its own newer one', () => {
    install(OURS, '0.1.0');
    install(CATALOG, '4.0.5');
    install(SHARED, '2.2.5');
    install(`${CATALOG}/${SHARED}`, '3.0.0');

    const warning = find();

    expect(warning).toContain('the catalog plugin loads 3.0.0');
    expect(warning).toContain('this module 2.2.5');
    expect(warning).toContain('"npm dedupe" or "yarn dedupe"');
  });

  it('names both copies if this module has its own one of the same version', () => {
    install(OURS, '0.1.0');
    install(CATALOG, '4.0.5');
    install(SHARED, '3.0.0');
    install(`${OURS}/${SHARED}`, '3.0.0');

    expect(find()).toContain(join(folder, OURS, SHARED));
  });

  it('does not confuse packages below the catalog plugin with the catalog plugin', () => {
    install(OURS, '0.1.0');
    install(CATALOG, '4.0.5');
    install(SHARED, '3.0.0');
    install(`${CATALOG}/node_modules/other`, '1.0.0');
    install(`${CATALOG}/node_modules/other/${SHARED}`, '2.2.5');
    const beneath = join(folder, CATALOG, 'node_modules', 'other');
    createRequire(join(folder, 'app.js'))(beneath);

    expect(find()).toBeUndefined();
  });

  it('finds nothing if the catalog plugin is not loaded, or nothing can be resolved', () => {
    install(OURS, '0.1.0');
    expect(find({ loads: [] })).toBeUndefined();

    install(SHARED, '3.0.0');
    expect(find({ loads: [] })).toBeUndefined();
  });

  it('finds one copy in the backend of these tests', () => {
    createRequire(__filename)('@backstage/plugin-catalog-backend');

    expect(findSecondCatalogNode()).toBeUndefined();
  });
});
