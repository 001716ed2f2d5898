import { Module } from '@nestjs/common';
import { ApiKeys } from './api-keys.js';
import { Authenticator } from './authenticator.js';
import { BearerTokens } from './bearer-tokens.js';
import { CallerController } from './caller.controller.js';
import { IssuerKeys } from './issuer-keys.js';

/** Authentication. Each route declares its access (src/auth/access.ts), and `guardRoutes` enforces it. */
@Module({
  controllers: [CallerController],
  providers: [ApiKeys, Authenticator, BearerTokens, IssuerKeys],
  exports: [Authenticator],
})
export class AuthModule {}
