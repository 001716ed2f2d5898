import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { UndiciTransport } from './undici-transport.js';

/** Provides the `HttpService` for calls to other services. One transport, and one set of connections, for all. */
@Module({
  imports: [
    HttpModule.registerAsync({
      extraProviders: [UndiciTransport],
      inject: [UndiciTransport],
      useFactory: (transport: UndiciTransport) => transport.axiosDefaults(),
    }),
  ],
  exports: [HttpModule],
})
export class UpstreamHttpModule {}
