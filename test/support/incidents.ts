import type { TestResponse, TestService } from './service.js';

/** What the service lists for people to settle, as far as all kinds have it. */
export interface Incident {
  incident_id: string;
  kind: string;
  order_id: string;
  reason: string;
  since: string;
  age_seconds: number;
  actions: { action: string; description: string }[];
}

/** The incidents of one order. */
export async function findIncidents(service: TestService, orderId: string): Promise<Incident[]> {
  const { body } = await service.request('GET', '/operations/incidents?limit=200');
  return (body.incidents as Incident[]).filter((incident) => incident.order_id === orderId);
}

export function settleIncident(
  service: TestService,
  id: string,
  action: string,
  reason?: string,
): Promise<TestResponse> {
  return service.request('POST', `/operations/incidents/${id}`, { action, ...(reason && { reason }) });
}
