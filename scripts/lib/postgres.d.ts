/** The URL of a PostgreSQL on which databases may be made, where there is one. */
export function findPostgres(): Promise<string | undefined>;
