import { type DynamicModule, Module } from '@nestjs/common';
import { Settings } from './settings.js';

/** The settings, for every module, under their class. */
@Module({})
export class ConfigModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [{ provide: Settings, useValue: settings }],
      exports: [Settings],
    };
  }
}
