// Writes docs/settings.md from the schema.
import { writeFileSync } from "node:fs";
import { settingsPage } from "./settings.ts";

writeFileSync(new URL("../docs/settings.md", import.meta.url), settingsPage());
