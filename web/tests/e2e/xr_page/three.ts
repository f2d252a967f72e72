// three.js as the sources import it: a test that builds a scene of its own has to share it.
export * from 'three';
