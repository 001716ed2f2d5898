import { Controller, Get } from '@nestjs/common';

/** An operation that does nothing, for tests of what happens before any operation. */
@Controller('probe')
export class ProbeController {
  @Get()
  get(): object {
    return {};
  }
}
