/** The one setting that puts the real model in the place of the lab's: a key of Anthropic's API, in the environment of `npm run lab`. */
export const keyVariable = "MOLTBOT_LAB_ANTHROPIC_KEY";
