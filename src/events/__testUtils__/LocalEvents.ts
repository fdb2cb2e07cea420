/** The events service of one process. For tests. */

import {
  EventsService,
  EventsServiceSubscribeOptions,
} from '@backstage/plugin-events-node';

/** Hands each event to whoever subscribed to its topic, and waits until it is taken. */
export class LocalEvents implements EventsService {
  readonly #subscribers: EventsServiceSubscribeOptions[] = [];

  async subscribe(options: EventsServiceSubscribeOptions): Promise<void> {
    this.#subscribers.push(options);
  }

  async publish(event: Parameters<EventsService['publish']>[0]): Promise<void> {
    const listening = this.#subscribers.filter(one => one.topics.includes(event.topic));
    await Promise.all(listening.map(one => one.onEvent(event)));
  }
}
