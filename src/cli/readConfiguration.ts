/**
 * Reads the same configuration files as the backend, and the providers in them. Every fault
 * ends the command with exit code 2 and a message that names the fault.
 */

import path from 'node:path';
import { Config } from '@backstage/config';
import { ConfigSources, EnvConfigSource } from '@backstage/config-loader';
import { isError } from '@backstage/errors';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { ConfiguredProvider, DiscoveryConfig } from '../config/types';
import { CliIo, UsageError } from './terminal';

/** The files to read and the providers to use. */
export interface ConfigurationOptions {
  /** `--config`, repeatable; the default files if empty. */
  readonly config: readonly string[];
  /** `--provider`; defaults to all providers. */
  readonly provider?: string;
}

/** The configuration of a command. */
export interface Configuration {
  /** The requested providers, at least one. */
  readonly providers: readonly ConfiguredProvider[];
  /** All configured providers: what one does not find, another may. */
  readonly configured: readonly ConfiguredProvider[];
  /** The public address of the backend, if configured. */
  readonly backstageUrl?: string;
}

/** @throws UsageError if the configuration cannot be read, or does not have the provider */
export async function readConfiguration(
  options: ConfigurationOptions,
  io: CliIo,
): Promise<Configuration> {
  const config = await loadFiles(options.config, io);
  const { providers: all, warnings } = readAll(config);
  warnings.forEach(warning => io.stderr(`warning: ${warning}\n`));
  const providers =
    options.provider === undefined
      ? all
      : all.filter(({ config: { id } }) => id === options.provider);
  if (providers.length === 0) {
    throw new UsageError(describeMissing(all, options.provider));
  }
  const backstageUrl = config.getOptional('backend.baseUrl');
  return {
    providers,
    configured: all,
    ...(typeof backstageUrl === 'string' && { backstageUrl }),
  };
}

async function loadFiles(files: readonly string[], io: CliIo): Promise<Config> {
  const shared = {
    watch: false,
    rootDir: io.cwd,
    substitutionFunc: async (name: string) => io.env[name]?.trim(),
  };
  const targets = files.map(file => {
    if (/^https?:\/\//i.test(file)) {
      throw new UsageError(
        '--config takes files, not URLs: download the configuration first',
      );
    }
    return { type: 'path' as const, target: path.resolve(io.cwd, file) };
  });
  try {
    const source = ConfigSources.merge([
      ConfigSources.defaultForTargets({ ...shared, targets }),
      EnvConfigSource.create({ env: io.env }),
    ]);
    const config = await ConfigSources.toConfig(source);
    config.close();
    return config;
  } catch (error) {
    throw new UsageError(describeLoadFailure(error, files));
  }
}

/**
 * Describes why the files cannot be loaded. Parsers quote the text at the error, which may be
 * a password, so only the position is taken from their messages.
 */
function describeLoadFailure(error: unknown, files: readonly string[]): string {
  const message = isError(error) ? error.message : '';
  if (isError(error) && error.name === 'NotFoundError') {
    const remedy =
      files.length > 0
        ? 'Check --config'
        : 'Run the command in the folder of app-config.yaml, or name the files with --config';
    return `${message.split('\n', 1).join()}. ${remedy}`;
  }
  const [, place] = /(at line \d+, column \d+)/.exec(message) ?? [];
  const [, where] = /^(Failed to read config file at "[^"]*", error at [\w.[\]-]+)/.exec(
    message,
  ) ?? [undefined, undefined];
  const what = files.length > 0 ? files.join(', ') : 'app-config.yaml';
  return [
    where ?? `The configuration (${what}) cannot be read`,
    place && `It is not valid YAML ${place}`,
    'Check that each file, and each one it includes, exists and is valid YAML or JSON',
  ]
    .filter(Boolean)
    .join('. ');
}

function readAll(config: Config): DiscoveryConfig {
  try {
    return readDiscoveryConfig(config);
  } catch (error) {
    throw new UsageError(
      isError(error) ? error.message : 'The configuration cannot be read',
    );
  }
}

function describeMissing(
  all: readonly ConfiguredProvider[],
  wanted: string | undefined,
): string {
  if (all.length === 0) {
    return 'No provider is configured: add catalog.providers.bitbucketServer with the host of an integration, or name the files that have it with --config';
  }
  const known = all.map(({ config }) => config.id).join(', ');
  return `There is no provider "${wanted}" under catalog.providers.bitbucketServer. Known: ${known}`;
}
