import { testbedVariable } from '../commands/launch.ts';
import { conformance } from './conformance.ts';

// The same tests as for our own registry for tests: what they ask for is what a real one does.
conformance('distribution', () => testbedVariable('LW_REGISTRY'));
