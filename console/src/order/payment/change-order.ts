import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, send } from '../../api/client.ts';
import { ProblemError } from '../../api/problem.ts';
import type { Confirmation, Order, Payment } from '../../api/types.ts';
import { announce } from '../../ui/announcer.tsx';

/** Confirms an order. Repeated with the same payment it changes nothing more. */
export function confirmOrder(id: string, body: Confirmation): Promise<Order> {
  return send(api.POST('/orders/{id}/confirm', { params: { path: { id } }, body }));
}

/** @param holdSeconds from now */
export function extendHold(id: string, holdSeconds: number): Promise<Order> {
  return send(
    api.POST('/orders/{id}/extend', { params: { path: { id } }, body: { hold_seconds: holdSeconds } }),
  );
}

/** Records a report of the payment provider. Repeated it changes nothing more. */
export function recordPayment(orderId: string, body: Payment): Promise<Order> {
  return send(api.POST('/orders/{order_id}/payments', { params: { path: { order_id: orderId } }, body }));
}

/** A change of an order in a dialog, which it closes. @param done what screen readers announce then */
export function useOrderChange<Input>(
  orderId: string,
  change: (input: Input) => Promise<Order>,
  done: string,
  onClose: () => void,
): UseMutationResult<Order, Error, Input> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (order) => {
      client.setQueryData(['order', order.order_id, 'itself'], order);
      announce(done);
      onClose();
    },
    // A refusal can have changed the order, too: a payment is recorded although its stock is gone.
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['order', orderId] });
      void client.invalidateQueries({ queryKey: ['orders'] });
      void client.invalidateQueries({ queryKey: ['incidents'] });
    },
  });
}

/** What the service said about a field. */
export function messageFor(field: string, error: unknown): string | undefined {
  const errors = error instanceof ProblemError ? (error.body.errors ?? []) : [];
  return errors.find((found) => found.field === field)?.message;
}
