import { KEY_NAMES, type Key, keyOf } from './keys.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The JSON Schema of a configuration file (draft-07, which editors' YAML support reads), made from the table of keys. */
export function configFileSchema(): Schema {
  const properties: Record<string, Schema> = {};
  for (const name of KEY_NAMES) {
    const [first, second] = name.split('.') as [string, string?];
    const schema = keySchema(keyOf(name));
    if (second === undefined) properties[first] = schema;
    else properties[first] = withProperty(properties[first], first, second, schema);
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of Layerwright (layerwright.yml)',
    type: ['object', 'null'],
    additionalProperties: false,
    properties,
  };
}

const SECTIONS: Readonly<Record<string, string>> = {
  build: 'What is built, and where it goes.',
  network: 'How registries are reached.',
  ci: 'For the deploy.',
};

function withProperty(section: Schema | undefined, name: string, property: string, schema: Schema): Schema {
  const properties = (section?.properties ?? {}) as Readonly<Record<string, Schema>>;
  return {
    description: SECTIONS[name],
    type: ['object', 'null'],
    additionalProperties: false,
    properties: { ...properties, [property]: schema },
  };
}

function keySchema(key: Key): Schema {
  return {
    description: `${key.description}.`,
    ...valueSchema(key),
    ...(key.default !== undefined && { default: key.default }),
  };
}

const TEXT: Schema = { type: 'string', minLength: 1 };
const WRITTEN: Schema = { type: ['string', 'number', 'boolean'] };

function valueSchema(key: Key): Schema {
  switch (key.kind) {
    case 'text':
      return key.pattern === undefined ? TEXT : { type: 'string', pattern: key.pattern[0] };
    case 'choice':
      return { enum: key.choices };
    case 'onOff':
      return WRITTEN;
    case 'boolean':
      return { type: 'boolean' };
    case 'list':
    case 'specs':
      return { type: 'array', items: TEXT };
    case 'map':
      return { type: 'object', additionalProperties: WRITTEN };
    case 'mapOfLists':
      return { type: 'object', additionalProperties: { type: 'array', items: TEXT } };
  }
}
