/** The URL of a PostgreSQL server on which databases may be created, if available. */
export function findPostgres(): Promise<string | undefined>;
