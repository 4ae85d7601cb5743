export {}; // tus-js-client sets globalThis.tus
