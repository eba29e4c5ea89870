// Validates what tests/api/test_schemas.py has generated: lines of {"schema", "texts"} on standard input.
// The last line printed is a JSON object {valid, invalid}.
import { createInterface } from 'node:readline';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const count = { valid: 0, invalid: 0 };
for await (const line of createInterface({ input: process.stdin })) {
  const { schema, texts } = JSON.parse(line);
  const ajv = new Ajv({ strict: false, allErrors: true, multipleOfPrecision: 9, validateFormats: true });
  addFormats(ajv);
  const validate = ajv.compile(schema);
  for (const text of texts) {
    let why;
    try {
      if (!validate(JSON.parse(text))) why = ajv.errorsText(validate.errors);
    } catch (error) {
      why = error.message;
    }
    count[why ? 'invalid' : 'valid']++;
    if (why) console.log(`${JSON.stringify(schema)}\n  ${JSON.stringify(text)}\n  ${why}`);
  }
}
console.log(JSON.stringify(count));
