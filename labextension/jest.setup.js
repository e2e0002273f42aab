// What browsers have and jsdom 20 has not.
const v8 = require('v8');

globalThis.structuredClone = value => v8.deserialize(v8.serialize(value));
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
