/**
 * Replaces the check that the OpenAPI documents of Backstage's plugins are valid. It compiles the
 * schema of OpenAPI, which takes half of the startup of a backend. Requests are still validated
 * against these documents as in production.
 */
class OpenAPISchemaValidator {
  validate() {
    return { errors: [] };
  }
}

module.exports = { OpenAPISchemaValidator };
