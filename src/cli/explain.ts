/** Explains why one repository is, or is not, in the catalog; requests only that repository. */

import { findCatalogFiles } from '../discovery/findCatalogFiles';
import { filterOne } from '../discovery/applyFilters';
import { reportRepository } from '../discovery/report';
import { findSharedFiles, SharedFile } from '../conflicts/describeConflicts';
import { RepositoryAddress } from '../model';
import { formatAddress, printableJson } from '../util/text';
import { readInLiveCatalog } from './BackstageCatalog';
import { BackstageAddress } from './BackstageClient';
import { CliIo, describeError, ExitCode, UsageError } from './terminal';
import { Connection, openConnections } from './connections';
import { indent } from './format';
import {
  addLiveCatalog,
  PreviewedRepository,
  toPreviewedRepository,
} from './previewDocument';
import { Configuration } from './readConfiguration';
import { renderConflicts, renderRepository } from './renderPreview';

/** The document that `--explain --json` prints. */
export interface ExplanationDocument {
  /** Increases when a field is removed or changes its meaning, not for new fields. */
  readonly version: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  /** One per provider, in the order of the configuration. */
  readonly explanations: readonly ProviderExplanation[];
  /** Files of the repository that several providers would register. */
  readonly conflicts: readonly SharedFile[];
}

/** How one provider would handle the repository. */
interface ProviderExplanation {
  readonly providerId: string;
  readonly host: string;
  /** `failed` if it could not be determined whether the repository exists. */
  readonly status: 'explained' | 'does-not-exist' | 'failed';
  /** Present if `status` is `explained`. */
  readonly repository?: PreviewedRepository;
  /** Why there is no explanation; contains no secrets. */
  readonly error?: string;
}

/** @throws UsageError if the text is not `KEY/slug` */
function parseAddress(text: string): RepositoryAddress {
  const [projectKey, slug, ...rest] = text.split('/');
  const isName = (name: string | undefined): name is string =>
    name !== undefined && name.trim() !== '' && !/^\.{1,2}$/.test(name);
  if (!isName(projectKey) || !isName(slug) || rest.length > 0) {
    throw new UsageError(
      '--explain expects one repository as KEY/slug, such as PAY/invoice-service or ~jdoe/playground',
    );
  }
  return { projectKey, slug };
}

/** The options of {@link explainRepository}. */
interface ExplainOptions {
  readonly json: boolean;
  /** A backend that reports the entities and errors of the files. */
  readonly against?: BackstageAddress;
}

/**
 * Explains one repository for each provider and prints the result.
 *
 * @throws UsageError if `text` is not `KEY/slug`
 * @throws CommandFailedError if the backend cannot be read; its message contains no secrets
 */
export async function explainRepository(
  text: string,
  configuration: Configuration,
  options: ExplainOptions,
  io: CliIo,
): Promise<ExitCode> {
  const address = parseAddress(text);
  const explanations: ProviderExplanation[] = [];
  for (const connection of openConnections(configuration.providers, io)) {
    const explanation = await explain(address, connection, io.signal);
    explanations.push(await withCatalog(explanation, options, io));
  }
  const createdAt = new Date(io.clock.now()).toISOString();
  const conflicts = findSharedFiles(
    explanations.map(({ providerId, repository }) => ({
      providerId,
      repositories: repository ? [repository] : [],
    })),
  );
  const document: ExplanationDocument = {
    version: 1,
    createdAt,
    explanations,
    conflicts,
  };
  if (options.json) {
    io.verbatim(`${printableJson(document)}\n`);
  } else {
    io.stdout(render(document));
  }
  const isExplained = explanations.some(({ status }) => status === 'explained');
  return isExplained && explanations.every(({ status }) => status !== 'failed') ? 0 : 1;
}

async function explain(
  address: RepositoryAddress,
  connection: Connection,
  signal: AbortSignal,
): Promise<ProviderExplanation> {
  const { config, client, integration, redact } = connection;
  const provider = { providerId: config.id, host: config.host };
  const name = formatAddress(address);
  try {
    const lookup = await client.getRepository(address, { signal });
    if (lookup.kind === 'gone') {
      const error = `${name} does not exist on ${config.host}, or the account may not see it`;
      return { ...provider, status: 'does-not-exist', error };
    }
    if (lookup.kind === 'unknown') {
      const hint =
        lookup.problem.reason === 'not-permitted'
          ? `${name} is not visible to the account: Bitbucket gives the same answer for a repository that does not exist and for one that the account may not see. `
          : `Whether ${name} exists could not be determined. `;
      return { ...provider, status: 'failed', error: hint + lookup.problem.detail };
    }
    const { repository } = lookup;
    const outcome =
      (await filterOne(repository, { ...config, source: client, signal })) ??
      (await findCatalogFiles(repository, config, { source: client, signal }));
    const report = reportRepository({ repository, outcome });
    return {
      ...provider,
      status: 'explained',
      repository: toPreviewedRepository(report, integration),
    };
  } catch (error) {
    const what = signal.aborted ? 'Stopped before the end' : describeError(error);
    return { ...provider, status: 'failed', error: redact(what) };
  }
}

/** Adds the entities and errors of the files from a live catalog, if it reports them. */
async function withCatalog(
  explanation: ProviderExplanation,
  { against }: ExplainOptions,
  io: CliIo,
): Promise<ProviderExplanation> {
  const { providerId, repository } = explanation;
  if (!against || !repository) {
    return explanation;
  }
  const { projectKey, repositorySlug: slug } = repository;
  const live = await readInLiveCatalog(against, providerId, { projectKey, slug }, io);
  return { ...explanation, repository: addLiveCatalog(repository, live) };
}

function render({ explanations, conflicts }: ExplanationDocument): string {
  const parts = explanations.map(({ providerId, host, repository, error }) =>
    [
      `Provider ${providerId} on ${host}`,
      indent(repository ? renderRepository(repository) : (error ?? '')),
    ].join('\n\n'),
  );
  const shared = renderConflicts(conflicts);
  return `${[...parts, ...shared].join('\n\n')}\n`;
}
