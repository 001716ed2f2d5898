import { type Incident, listIncidents } from './client.js';
import type { TestResponse, TestService } from './service.js';

/** The incidents of one order. */
export async function findIncidents(service: TestService, orderId: string): Promise<Incident[]> {
  const { incidents } = await listIncidents(service, { limit: 200 });
  return incidents.filter((incident) => incident.order_id === orderId);
}

export function settleIncident(
  service: TestService,
  id: string,
  action: string,
  reason?: string,
): Promise<TestResponse> {
  return service.request('POST', `/operations/incidents/${id}`, { action, ...(reason && { reason }) });
}
