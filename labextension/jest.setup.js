// What browsers have and jsdom 20 has not.
const v8 = require('v8');
const vm = require('vm');

globalThis.structuredClone = value => v8.deserialize(v8.serialize(value));
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
// `fetch` is Node's, and from Node 22 on it wants a signal of Node's too, not of jsdom's.
globalThis.AbortController = vm.runInThisContext('AbortController');
globalThis.AbortSignal = vm.runInThisContext('AbortSignal');
