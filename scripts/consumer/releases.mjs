/** Other Backstage releases than the one this project is developed with. */

/**
 * The oldest supported release, with all of its packages that a backend with this package
 * loads: npm has to install exactly these, although most dependencies are ranges.
 */
export const OLDEST_RELEASE = '1.49.0';
export const OLDEST_PACKAGES = {
  '@backstage/backend-app-api': '1.6.0',
  '@backstage/backend-defaults': '0.16.0',
  '@backstage/backend-openapi-utils': '0.6.7',
  '@backstage/backend-plugin-api': '1.8.0',
  '@backstage/catalog-client': '1.14.0',
  '@backstage/catalog-model': '1.7.7',
  '@backstage/cli-node': '0.3.0',
  '@backstage/config': '1.3.6',
  '@backstage/config-loader': '1.10.9',
  '@backstage/errors': '1.2.7',
  '@backstage/integration': '2.0.0',
  '@backstage/plugin-auth-node': '0.6.14',
  '@backstage/plugin-catalog-backend': '3.5.0',
  '@backstage/plugin-catalog-common': '1.1.8',
  '@backstage/plugin-catalog-node': '2.1.0',
  // The version of the release is not in every registry.
  '@backstage/plugin-events-backend': '^0.5.4',
  '@backstage/plugin-events-node': '0.4.20',
  '@backstage/plugin-permission-common': '0.9.7',
  '@backstage/plugin-permission-node': '0.10.11',
  '@backstage/types': '1.2.2',
};

/**
 * The newest release with a lock file from an older one, which still pins a package of which
 * the catalog plugin now has a newer copy.
 */
export const KEPT_BY_A_LOCK = { '@backstage/plugin-catalog-node': '2.2.5' };
