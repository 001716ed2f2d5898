import { Module } from '@nestjs/common';
import { ApiKeys } from './api-keys.js';
import { Authenticator } from './authenticator.js';
import { BearerTokens } from './bearer-tokens.js';
import { CallerController } from './caller.controller.js';
import { IssuerKeys } from './issuer-keys.js';

/** Who is calling. What they may do is said at each route (src/platform/http/caller.ts) and held to by `guardRoutes`. */
@Module({
  controllers: [CallerController],
  providers: [ApiKeys, Authenticator, BearerTokens, IssuerKeys],
  exports: [Authenticator],
})
export class AuthModule {}
