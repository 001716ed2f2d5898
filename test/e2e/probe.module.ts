import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ProblemFilter } from '../../src/platform/http/problem.filter.js';
import { ProbeController } from './probe.controller.js';

/** An application without database and upstream services. */
@Module({ controllers: [ProbeController], providers: [{ provide: APP_FILTER, useClass: ProblemFilter }] })
export class ProbeModule {}
