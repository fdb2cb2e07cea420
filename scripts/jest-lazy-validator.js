/**
 * Replaces the validators of the catalog's entity kinds by the same ones, compiled on first use.
 * Backstage compiles them while it loads, which Jest repeats for each test file, and most tests
 * use two of ten.
 */
const { dirname, join } = require('node:path');

const model = dirname(require.resolve('@backstage/catalog-model/package.json'));
const original = require(join(model, 'dist/validation/entityKindSchemaValidator.cjs.js'));

module.exports = {
  entityKindSchemaValidator(schema) {
    let validate;
    return data => {
      validate ??= original.entityKindSchemaValidator(schema);
      return validate(data);
    };
  },
};
