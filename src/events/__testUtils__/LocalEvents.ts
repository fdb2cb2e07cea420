/** The events service of one process. For tests. */

import {
  EventsService,
  EventsServiceSubscribeOptions,
} from '@backstage/plugin-events-node';

/** Passes each event to the subscribers of its topic, and waits until they have received it. */
export class LocalEvents implements EventsService {
  readonly #subscribers: EventsServiceSubscribeOptions[] = [];

  async subscribe(options: EventsServiceSubscribeOptions): Promise<void> {
    this.#subscribers.push(options);
  }

  async publish(event: Parameters<EventsService['publish']>[0]): Promise<void> {
    const listening = this.#subscribers.filter(({ topics }) =>
      topics.includes(event.topic),
    );
    await Promise.all(listening.map(subscriber => subscriber.onEvent(event)));
  }
}
