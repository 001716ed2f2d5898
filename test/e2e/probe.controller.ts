import { Controller, Get } from '@nestjs/common';

/** An operation without effect, for tests of what runs before any operation. */
@Controller('probe')
export class ProbeController {
  @Get()
  get(): object {
    return {};
  }
}
