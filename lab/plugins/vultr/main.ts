import { serve } from "../plugin.ts";
import { vultrPlugin } from "./vultr.ts";

await serve(vultrPlugin(fetch));
