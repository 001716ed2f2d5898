import { Body, Controller, Delete, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { invalidId, requireOpaqueId } from '../../orders/dto/text.decorators.js';
import { orderNotFound } from '../../orders/order.problems.js';
import { BoundedReads } from '../../platform/http/bounded-routes.js';
import { type Caller, CurrentCaller, RequireScopes } from '../../auth/access.js';
import { EXAMPLE_ID } from '../../platform/http/fields.openapi.js';
import { Problem } from '../../platform/http/problem.js';
import { ApiProblems } from '../../platform/http/problem.openapi.js';
import { ErasePersonalDataDto, ErasureResponse } from './personal-data.dto.js';
import { PersonalData } from './personal-data.js';

const ERASED = { description: 'From how many orders something was erased.', type: ErasureResponse };

const DESCRIPTION =
  'Name, e-mail address, phone, addresses, note and all metadata are erased from the orders, for good. Lines with their ' +
  'options, charges, tags, numbers, references, totals and the history stay. The history says the erasure and who ' +
  'requested it. The request is idempotent.';

@ApiTags('operations')
@Controller()
export class PersonalDataController {
  constructor(private readonly personalData: PersonalData) {}

  @Delete('customers/:customer_id/personal-data')
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'eraseCustomer',
    summary: 'Erase who ordered from all orders of a customer',
    description: DESCRIPTION,
  })
  @ApiParam({ name: 'customer_id', description: 'Id of the customer, text or integer.', example: '42' })
  @ApiOkResponse(ERASED)
  @ApiProblems(invalidId('customer_id'))
  async eraseCustomer(
    @Param('customer_id') customerId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<ErasureResponse> {
    requireOpaqueId('customer_id', customerId);
    return this.personalData.erase({ by: 'customer_id', value: customerId }, caller.id);
  }

  @Delete('orders/:order_id/personal-data')
  @RequireScopes('operations')
  @BoundedReads()
  @ApiOperation({
    operationId: 'eraseOrder',
    summary: 'Erase who ordered from one order',
    description: DESCRIPTION,
  })
  @ApiParam({ name: 'order_id', description: 'Id of the order.', format: 'uuid' })
  @ApiOkResponse(ERASED)
  @ApiProblems(orderNotFound(EXAMPLE_ID))
  async eraseOrder(
    @Param('order_id') orderId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<ErasureResponse> {
    return this.personalData.eraseOrder(orderId, caller.id);
  }

  /** A body, since URLs end up in the logs of every proxy. */
  @Post('operations/personal-data/erase')
  @RequireScopes('operations')
  @HttpCode(200)
  @BoundedReads()
  @ApiOperation({
    operationId: 'erasePersonalData',
    summary: 'Erase who ordered from all orders with an e-mail address',
    description: `For orders without a customer id. ${DESCRIPTION}`,
  })
  @ApiOkResponse(ERASED)
  @ApiProblems(Problem.invalidRequest([{ field: 'customer_email', message: 'must be an e-mail address' }]))
  async eraseAddress(
    @Body() body: ErasePersonalDataDto,
    @CurrentCaller() caller: Caller,
  ): Promise<ErasureResponse> {
    return this.personalData.erase({ by: 'customer_email', value: body.customer_email }, caller.id);
  }
}
