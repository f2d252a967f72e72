// The translator of the texts that all shells share.
import { en } from './en';
import { defineTexts } from './index';
import { ko } from './ko';

export const t = defineTexts(en, ko);
