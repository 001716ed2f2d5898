import { QueryClientProvider } from '@tanstack/react-query';
import { Redirect, Route, Router, Switch } from 'wouter';
import { useMay } from './api/caller.ts';
import { useLiveOrders } from './api/live-orders.ts';
import { queryClient } from './api/query-client.ts';
import { HealthPage } from './health/health-page.tsx';
import { IncidentsPage } from './incidents/incidents-page.tsx';
import { OrderPage } from './order/order-page.tsx';
import { OrdersPage } from './orders/orders-page.tsx';
import { Gate } from './shell/gate.tsx';
import { PAGES, Shell } from './shell/shell.tsx';
import { Announcer } from './ui/announcer.tsx';
import { EmptyPage } from './ui/empty.tsx';
import { useTheme } from './ui/theme.ts';
import { EndpointPage } from './webhooks/endpoint-page.tsx';
import { WebhooksPage } from './webhooks/webhooks-page.tsx';

export function App() {
  useTheme();
  return (
    <QueryClientProvider client={queryClient}>
      <Router base="/admin">
        <Gate>
          <Shell>
            <Pages />
          </Shell>
        </Gate>
        <Announcer />
      </Router>
    </QueryClientProvider>
  );
}

function Pages() {
  const may = useMay();
  const reads = may('orders:read');
  const operates = may('operations');
  const hooks = may('webhooks');
  useLiveOrders(reads);
  return (
    <Switch>
      <Route path="/">
        <Redirect to={PAGES.find(({ scope }) => may(scope))?.path ?? '/orders'} replace />
      </Route>
      <Route path="/orders">{reads ? <OrdersPage /> : <NotAllowed scope="orders:read:all" />}</Route>
      <Route path="/orders/:id">
        {({ id }) =>
          reads ? <OrderPage key={id} id={decoded(id)} /> : <NotAllowed scope="orders:read:all" />
        }
      </Route>
      <Route path="/incidents">{operates ? <IncidentsPage /> : <NotAllowed scope="operations" />}</Route>
      <Route path="/health">{operates ? <HealthPage /> : <NotAllowed scope="operations" />}</Route>
      <Route path="/webhooks">{hooks ? <WebhooksPage /> : <NotAllowed scope="webhooks" />}</Route>
      <Route path="/webhooks/:id">
        {({ id }) => (hooks ? <EndpointPage key={id} id={decoded(id)} /> : <NotAllowed scope="webhooks" />)}
      </Route>
      <Route>
        <EmptyPage title="Page not found">
          <p>Check the address, or choose a page from the menu.</p>
        </EmptyPage>
      </Route>
    </Switch>
  );
}

/** The router leaves what a path can hold only encoded, such as a slash, as it is. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function NotAllowed({ scope }: { scope: string }) {
  return (
    <EmptyPage title="You don’t have access to this page">
      <p>
        It requires the scope <code>{scope}</code>. Ask your administrator for it, or sign out and use another
        API key or access token.
      </p>
    </EmptyPage>
  );
}
