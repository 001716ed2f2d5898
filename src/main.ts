import 'reflect-metadata';
import { Module } from '@nestjs/common';
@Module({})
class App {}
console.log(App.name);
