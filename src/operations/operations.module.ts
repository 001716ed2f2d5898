import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { DriftReport } from './drift/drift-report.js';
import { DriftRepository } from './drift/drift.repository.js';
import { ReconcileRepository } from './reconcile/reconcile.repository.js';
import { Reconciliation } from './reconcile/reconciliation.js';
import { Deliveries } from './deliveries/deliveries.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { FiguresController } from './figures/figures.controller.js';
import { FiguresRepository } from './figures/figures.repository.js';
import { FiguresService } from './figures/figures.js';
import { BulkIncidents } from './incidents/bulk-incidents.js';
import { DeadTasks } from './incidents/dead-tasks.js';
import { IncidentFinder } from './incidents/incident-finder.js';
import { IncidentResolution } from './incidents/incident-resolution.js';
import { IncidentRepository } from './incidents/incident.repository.js';
import { IncidentsService } from './incidents/incidents.service.js';
import { IncidentsController } from './incidents/incidents.controller.js';
import { OperationsMetrics } from './operations.metrics.js';
import { IncidentActions } from './incidents/incident-actions.js';
import { PendingOrders } from './incidents/pending-orders.js';
import { PersonalDataController } from './personal-data/personal-data.controller.js';
import { PersonalData } from './personal-data/personal-data.js';
import { PersonalDataRepository } from './personal-data/personal-data.repository.js';
import { TaskReportsRepository } from './task-reports.repository.js';
import { EndpointStandingsRepository } from '../webhooks/endpoints/endpoint-standings.repository.js';
import { WebhookHistoryRepository } from '../webhooks/history/webhook-history.repository.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

/** Tools of the operators: incidents and their metrics, the erasure of personal data, and the drift report. */
@Module({})
export class OperationsModule {
  /** @param imports modules that provide `OrderRepository`, `PlaceOrderSaga`, `EventFeedRepository`, `Inventory` and `StockJournal` */
  static with(imports: Imports): DynamicModule {
    return {
      module: OperationsModule,
      imports,
      controllers: [IncidentsController, FiguresController, DeliveriesController, PersonalDataController],
      providers: [
        TaskReportsRepository,
        IncidentRepository,
        EndpointStandingsRepository,
        WebhookHistoryRepository,
        DeadTasks,
        IncidentFinder,
        IncidentsService,
        IncidentResolution,
        PendingOrders,
        IncidentActions,
        BulkIncidents,
        DriftRepository,
        OperationsMetrics,
        PersonalDataRepository,
        PersonalData,
        FiguresRepository,
        FiguresService,
        Deliveries,
      ],
    };
  }

  /**
   * The reports alone, for their commands, which must not do the service's background work.
   *
   * @param imports modules that provide `Inventory` and `StockJournal`
   */
  static forReports(imports: Imports): DynamicModule {
    return {
      module: OperationsModule,
      imports,
      providers: [DriftRepository, DriftReport, ReconcileRepository, Reconciliation],
      exports: [DriftReport, Reconciliation],
    };
  }
}
