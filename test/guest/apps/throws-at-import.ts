import { setting } from './throwing-module.ts';

console.log('never reached', setting);
