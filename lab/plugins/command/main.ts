import { serve } from "../plugin.ts";
import { commandPlugin } from "./command.ts";

await serve(commandPlugin());
