// What goes between the router and a tenant: requests and responses as plain values.

/** A request. */
export interface TenantRequest {
  readonly method: string;
  /** Path and query, without the tenant's name. */
  readonly target: string;
  readonly body: Uint8Array;
}

/** A response. */
export interface TenantResponse {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

/** What a tenant does for the router. */
export interface TenantService {
  fetch(request: TenantRequest): Promise<TenantResponse>;
}
